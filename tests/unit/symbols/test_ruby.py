"""The symbols of Ruby."""

from __future__ import annotations

from inline_snapshot import snapshot
from symbol_table import definitions, references, sample


def test_definitions_are_found_with_their_signatures_and_documentation() -> None:
    assert definitions(sample("sample.rb")) == snapshot(
        [
            "7-79 module Example | module Example | Runs jobs.",
            "  8-8 constant Example.MAX_JOBS | MAX_JOBS = 100",
            "  9-9 field Example.@@shared | @@shared = {}",
            "  14-70 class Example.Job | class Job < Store::Base | One piece of work.",
            "    18-18 constant Example.Job.LIMIT | LIMIT = 5",
            "    19-19 field Example.Job.name | attr_reader :name, :parents",
            "    19-19 field Example.Job.parents | attr_reader :name, :parents",
            "    20-20 field Example.Job.state | attr_accessor :state",
            "    23-23 class Example.Job.Error | Error = Class.new(StandardError)",
            "    24-26 class Example.Job.Point | Point = Struct.new(:x, :y)",
            "      25-25 method Example.Job.Point.length | def length",
            "    29-33 method Example.Job.initialize | def initialize(name, *parents, state: :new, **options,",
            "          &block) | Makes a job.",
            "    35-42 method Example.Job.run | def run(times, on: StandardError)",
            "    44-44 method Example.Job.create | def self.create(*args)",
            "    48-50 method Example.Job.find | def find(id) | Finds one.",
            "    54-54 method Example.Job.all | def all",
            "    57-57 method Example.Job.== | def ==(other)",
            "    58-58 method Example.Job.empty? | def empty?",
            "    59-61 method Example.Job.name= | def name=(value)",
            "    62-62 method Example.Job.[] | def [](index)",
            "    64-64 method Example.Job.size | alias_method :size, :count",
            "    65-65 method Example.Job.length | alias length count",
            "    67-67 method Example.Job.secret | def secret(x)",
            "    69-69 class Example.Job.Error | class Error < ::StandardError",
            "  72-74 class Example.Job.Inner.Deep | class Job::Inner::Deep",
            "    73-73 method Example.Job.Inner.Deep.go | def go",
            "  76-78 function Example.configure | def self.configure",
            "81-83 function top_level | def top_level(a)",
            "85-87 function build | task :build",
        ]
    )


def test_references_are_the_names_used() -> None:
    assert references(sample("sample.rb")) == snapshot(
        [
            ": require:3 require_relative:4",
            "Example.Job: Store:14 Base:14 include:15 Comparable:15 extend:16 Helpers:16 Naming:16",
            "Example.Job.parents: attr_reader:19",
            "Example.Job.state: attr_accessor:20",
            "Example.Job: delegate:21",
            "Example.Job.Error: Class:23 new:23 StandardError:23",
            "Example.Job.Point: Struct:24 new:24",
            "Example.Job.Point.length: Math:25 sqrt:25",
            "Example.Job.initialize: Options:32 new:32",
            "Example.Job.run: StandardError:37 times:39 helper:39 JobError:40 Timeout:40 Error:40",
            "      retry_later:41",
            "Example.Job.create: new:44",
            "Example.Job.find: detect:49 id:49",
            "Example.Job.==: name:57",
            "Example.Job.name=: to_s:60",
            "Example.Job.size: alias_method:64",
            "Example.Job: private:67",
            "Example.Job.Error: StandardError:69",
            "Example.Job.Inner.Deep: Job:72 Inner:72",
            "Example.configure: Config:77 instance:77",
            "top_level: puts:82",
            "build: task:85 Example:86 Job:86 create:86 run:86",
            ": lambda:89",
        ]
    )
