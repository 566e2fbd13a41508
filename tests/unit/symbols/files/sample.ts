import type { Request, Response } from "express";
import { Router } from "express";

/** What may be stored. */
export interface Storable<T = unknown> extends Serializable, Comparable<T> {
  readonly id: string;
  tags?: Map<string, Tag>;
  /** Saves it. */
  save(target: Target, force?: boolean): Promise<void>;
  (call: number): string;
  new (value: T): Storable<T>;
}

// States of a job.
export enum State {
  New = "new",
  Done = compute(),
  Failed,
}

export const enum Flag { On = 1 }

type Handler<T> = (
  request: Request,
  response: Response<T>,
) => Promise<Result<T>>;

export type Shape =
  | { kind: "circle"; radius: number }
  | { kind: "square"; side: number };

declare module "express" {
  interface Request { user?: User }
}

declare global { var version: string; }

namespace Tools.Inner {
  export const LIMIT = 10;
  export function helper(): void {}
}

export abstract class Repository<T extends Storable> extends Base<T> implements Disposable, Iface<T> {
  private static readonly cache: Map<string, Entry> = new Map();
  protected items!: T[];
  declare legacy: string;

  constructor(private readonly db: Database, public name: string) { super(); }

  abstract find(id: string): T | undefined;

  /** Overloads. */
  get(id: string): T;
  get(id: number): T;
  @Memoize({ ttl: 5 })
  get(id: string | number): T {
    return this.items.find((item) => item.id === id) as T;
  }

  private handle = async (event: Event): Promise<void> => {
    await this.db.run<Row>(event);
  };
}

@Injectable()
export class UserService {
  @Input() label: string = "x";
  constructor(@Inject(TOKEN) private readonly users: Repository<User>) {}
}

export function isUser(value: unknown): value is User {
  return typeof value === "object" && value instanceof User;
}

export function overload(a: string): string;
export function overload(a: any) { return a; }

export const router: Router = Router();
export const load = <T,>(path: string): Promise<T> => fetchJson<T>(path satisfies Path);
const { first, second } = pair(), [third] = list;
declare function external(name: string): number;
export default load;
export * from "./other";
let x: keyof typeof router;
