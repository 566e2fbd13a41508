# frozen_string_literal: true

require "json"
require_relative "store/base"

# Runs jobs.
module Example
  MAX_JOBS = 100
  @@shared = {}

  # One piece of work.
  #
  # More words.
  class Job < Store::Base
    include Comparable
    extend Helpers::Naming

    LIMIT = 5
    attr_reader :name, :parents
    attr_accessor :state
    delegate :size, to: :parents

    Error = Class.new(StandardError)
    Point = Struct.new(:x, :y) do
      def length = Math.sqrt(x * x)
    end

    # Makes a job.
    def initialize(name, *parents, state: :new, **options, &block)
      super()
      @name = name
      local = Options.new(options)
    end

    def run(
      times, # how often
      on: StandardError
    )
      times.times { |i| helper(i) }
    rescue JobError, Timeout::Error => e
      retry_later e
    end

    def self.create(*args) = new(*args)

    class << self
      # Finds one.
      def find(id)
        all.detect { |job| job.id == id }
      end

      private

      def all; end
    end

    def ==(other) = name == other.name
    def empty?; end
    def name=(value)
      @name = value.to_s
    end
    def [](index); end

    alias_method :size, :count
    alias length count

    private def secret(x) = x

    class Error < ::StandardError; end
  end

  class Job::Inner::Deep
    def go; end
  end

  def self.configure
    yield Config.instance
  end
end

def top_level(a)
  puts a
end

task :build do
  Example::Job.create("x").run
end

scope = lambda { |x| x }
