#!/usr/bin/env node
/**
 * Talks to the server.
 * @module client
 */
import axios, { get as fetch } from "axios";
import * as paths from "node:path";
const fs = require("fs");
const { readFile, writeFile } = require("node:fs/promises");

// How often a request is tried.
const MAX_TRIES = 3;
let counter = 0, total = 1;
var options = {
  retries: 2,
  onError(error) { log(error); },
  format: (x) => x.trim(),
};

/**
 * Waits.
 *
 * @param {number} ms
 */
export async function sleep(ms) {
  const started = Date.now();
  const inner = () => started;
  return new Promise((resolve) => setTimeout(resolve, ms, inner));
}

function* numbers() { yield 1; }

// Makes a client.
export const makeClient = async (
  url, // where
  { timeout = MAX_TRIES, ...rest } = {},
) => {
  return new Client(url, timeout, rest);
};

const legacy = function named(a) { return a; };

/** A client. */
@sealed
export default class Client extends Base.Root {
  static #count = 0;
  name = "client";
  handler = (event) => this.emit(event);

  constructor(url) {
    super();
    this.url = url;
  }

  /* The address. */
  get address() { return paths.join(this.url, "x"); }
  set address(value) { this.url = value; }

  static async create(...args) { return Client.from(args); }

  #secret() {}

  [Symbol.iterator]() { return null; }

  @logged
  "quoted name"() {}
}

Client.prototype.close = function () { this.socket.end(); };
module.exports = { Client };
exports.helper = (a) => a;
module.exports.other = class Other {};

describe("Client", () => {
  it("works", () => { const local = 1; expect(local).toBe(1); });
});

export { makeClient as create };
const View = ({ title }) => <Panel title={title}><Icon.Star /><b>{fetch(title)}</b></Panel>;
