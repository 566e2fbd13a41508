"""The symbols of JavaScript."""

from __future__ import annotations

from inline_snapshot import snapshot
from symbol_table import definitions, references, sample


def test_definitions_are_found_with_their_signatures_and_documentation() -> None:
    assert definitions(sample("sample.js")) == snapshot(
        [
            "12-12 constant MAX_TRIES | const MAX_TRIES = 3 | How often a request is tried.",
            "13-13 variable counter | counter = 0",
            "13-13 variable total | total = 1",
            "14-18 variable options | var options = {…",
            "  16-16 method options.onError | onError(error)",
            "  17-17 method options.format | format: (x) =>",
            "25-29 function sleep | export async function sleep(ms) | Waits.",
            "  27-27 function sleep.inner | const inner = () =>",
            "31-31 function numbers | function* numbers()",
            "34-39 function makeClient | export const makeClient = async (url, { timeout = MAX_TRIES, ...rest",
            "      } = {}) => | Makes a client.",
            "41-41 function legacy | const legacy = function named(a)",
            "44-67 class Client | export default class Client extends Base.Root | A client.",
            "  46-46 field Client.#count | static #count = 0",
            '  47-47 field Client.name | name = "client"',
            "  48-48 method Client.handler | handler = (event) =>",
            "  50-53 method Client.constructor | constructor(url)",
            "  56-56 method Client.address | get address() | The address.",
            "  57-57 method Client.address | set address(value)",
            "  59-59 method Client.create | static async create(...args)",
            "  61-61 method Client.#secret | #secret()",
            "  63-63 method Client.[Symbol.iterator] | [Symbol.iterator]()",
            '  65-66 method Client.quoted name | "quoted name"()',
            "69-69 method Client.close | Client.prototype.close = function ()",
            "71-71 function helper | exports.helper = (a) =>",
            "72-72 class other | module.exports.other = class Other",
            "79-79 function View | const View = ({ title }) =>",
        ]
    )


def test_references_are_the_names_used() -> None:
    assert references(sample("sample.js")) == snapshot(
        [
            ": axios:6 get:6 fs:8 require:8 readFile:9 writeFile:9 require:9",
            "options.onError: log:16",
            "options.format: trim:17",
            "sleep: Date:26 now:26 Promise:28 setTimeout:28",
            "makeClient: MAX_TRIES:36 Client:38",
            "Client: sealed:44 Base:45 Root:45",
            "Client.handler: emit:48",
            "Client.address: join:56",
            "Client.create: Client:59 from:59",
            "Client.quoted name: logged:65",
            "Client.close: Client:69 end:69",
            ": Client:70",
            "other: Other:72",
            ": describe:74 it:75 expect:75 toBe:75 makeClient:78",
            "View: Panel:79 Icon:79 Star:79 fetch:79 Panel:79",
        ]
    )
