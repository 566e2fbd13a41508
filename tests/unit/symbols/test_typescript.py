"""The symbols of TypeScript."""

from __future__ import annotations

from inline_snapshot import snapshot
from symbol_table import definitions, references, sample


def test_definitions_are_found_with_their_signatures_and_documentation() -> None:
    assert definitions(sample("sample.ts")) == snapshot(
        [
            "5-12 interface Storable | export interface Storable<T = unknown> extends Serializable,",
            "      Comparable<T> | What may be stored.",
            "  6-6 field Storable.id | readonly id: string",
            "  7-7 field Storable.tags | tags?: Map<string, Tag>",
            "  9-9 method Storable.save | save(target: Target, force?: boolean): Promise<void> | Saves it.",
            "15-19 enum State | export enum State | States of a job.",
            '  16-16 constant State.New | New = "new"',
            "  17-17 constant State.Done | Done = compute()",
            "  18-18 constant State.Failed | Failed",
            "21-21 enum Flag | export const enum Flag",
            "  21-21 constant Flag.On | On = 1",
            "23-26 type Handler | type Handler<T> = (request: Request, response: Response<T>) =>",
            "      Promise<Result<T>>",
            '28-30 type Shape | export type Shape = | { kind: "circle"; radius: number } | { kind: "square";',
            "      side: number }",
            '32-34 module express | declare module "express"',
            "  33-33 interface express.Request | interface Request",
            "    33-33 field express.Request.user | user?: User",
            "36-36 variable version | declare global { var version: string; }",
            "38-41 module Tools.Inner | namespace Tools.Inner",
            "  39-39 constant Tools.Inner.LIMIT | export const LIMIT = 10",
            "  40-40 function Tools.Inner.helper | export function helper(): void",
            "43-63 class Repository | export abstract class Repository<T extends Storable> extends Base<T>",
            "      implements Disposable, Iface<T>",
            "  44-44 field Repository.cache | private static readonly cache: Map<string, Entry> = new Map()",
            "  45-45 field Repository.items | protected items!: T[]",
            "  46-46 field Repository.legacy | declare legacy: string",
            "  48-48 method Repository.constructor | constructor(private readonly db: Database, public name:",
            "        string)",
            "  50-50 method Repository.find | abstract find(id: string): T | undefined",
            "  53-53 method Repository.get | get(id: string): T | Overloads.",
            "  54-54 method Repository.get | get(id: number): T",
            "  55-58 method Repository.get | get(id: string | number): T",
            "  60-62 method Repository.handle | private handle = async (event: Event): Promise<void> =>",
            "65-69 class UserService | export class UserService",
            '  67-67 field UserService.label | label: string = "x"',
            "  68-68 method UserService.constructor | constructor(@Inject(TOKEN) private readonly users:",
            "        Repository<User>)",
            "71-73 function isUser | export function isUser(value: unknown): value is User",
            "75-75 function overload | export function overload(a: string): string",
            "76-76 function overload | export function overload(a: any)",
            "78-78 variable router | export const router: Router = Router()",
            "79-79 function load | export const load = <T,>(path: string): Promise<T> =>",
            "81-81 function external | declare function external(name: string): number",
            "84-84 variable x | let x: keyof typeof router",
        ]
    )


def test_references_are_the_names_used() -> None:
    assert references(sample("sample.ts")) == snapshot(
        [
            ": Request:1 Response:1 Router:2",
            "Storable: T:5 Serializable:5 Comparable:5 T:5",
            "Storable.tags: Map:7 Tag:7",
            "Storable.save: Target:9 Promise:9",
            "Storable: T:11 Storable:11 T:11",
            "State.Done: compute:17",
            "Handler: T:23 Request:24 Response:25 T:25 Promise:26 Result:26 T:26",
            "express.Request.user: User:33",
            "Tools.Inner: Tools:38",
            "Repository: T:43 Storable:43 Base:43 T:43 Disposable:43 Iface:43 T:43",
            "Repository.cache: Map:44 Entry:44 Map:44",
            "Repository.items: T:45",
            "Repository.constructor: Database:48",
            "Repository.find: T:50",
            "Repository.get: T:53",
            "Repository.get: T:54",
            "Repository.get: Memoize:55 T:56 find:57 T:57",
            "Repository.handle: Event:60 Promise:60 run:61 Row:61",
            "UserService: Injectable:65",
            "UserService.label: Input:67",
            "UserService.constructor: Inject:68 TOKEN:68 Repository:68 User:68",
            "isUser: User:71 User:72",
            "router: Router:78 Router:78",
            "load: T:79 Promise:79 T:79 fetchJson:79 T:79 Path:79",
            ": pair:80 load:82",
        ]
    )
