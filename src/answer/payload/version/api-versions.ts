import { SettingError } from '../../../kernel/index.ts'

/** What a version changed on one route. Documents are in the names of the wire. */
export interface RouteChange {
  /**
   * Makes of what clients of the version before send what this one takes. It runs before validation, on whatever was
   * sent; when it throws, the request gets 400.
   */
  readonly request?: (parts: RequestParts) => RequestParts
  /** Makes of what this version answers what clients of the version before expect. */
  readonly response?: (document: unknown, status: number) => unknown
}

/** The parts of a request that a version can change. */
export interface RequestParts {
  readonly body: unknown
  readonly query: unknown
}

/** One change of the API, and since when. */
export interface VersionChange {
  /** The version that brought it: a date, e.g. `2026-01-01`. */
  readonly version: string
  /** By route, e.g. `GET /orders/:id`. */
  readonly routes: Readonly<Record<string, RouteChange>>
}

export interface Deprecation {
  /** Since when it should not be used. */
  readonly since: Date
  /** When it will stop working. @default not said */
  readonly sunset?: Date
  /** A page for its users. @default none */
  readonly link?: string
}

export interface VersionOptions {
  /** The request header that names the version. @default 'api-version' */
  readonly header?: string
  /** The version before the first change. */
  readonly first: string
  /** In any order. */
  readonly changes: readonly VersionChange[]
  /**
   * For requests without the header. @default 'first', so that clients that never said one are never broken
   */
  readonly fallback?: 'first' | 'current'
  /** By version. @default none */
  readonly deprecated?: Readonly<Record<string, Deprecation>>
}

/** What is done to a request and an answer of one version on one route. */
export interface VersionSteps {
  readonly version: string
  /** `undefined` when there is nothing to do. */
  readonly upgrade: ((parts: RequestParts) => RequestParts) | undefined
  readonly downgrade: ((document: unknown, status: number) => unknown) | undefined
  /** Names and values that go out with each answer. */
  readonly headers: readonly (readonly [name: string, value: string])[]
}

const date = /^\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])$/
const token = /^[!#$%&'*+.^`|~\w-]+$/

/** The versions of an API, named by dates. Schemas and handlers are those of the current one. */
export class ApiVersions {
  /** In lower case. */
  readonly header: string
  /** The oldest first. */
  readonly versions: readonly string[]
  /** For requests that name none. */
  readonly fallback: string
  readonly #changes: readonly VersionChange[]
  readonly #deprecated: Readonly<Record<string, Deprecation>>

  /** @throws SettingError */
  constructor (
    { header = 'api-version', first, changes, fallback = 'first', deprecated = {} }: VersionOptions
  ) {
    if (!token.test(header)) throw new SettingError('versions.header', 'the name of a header', header)
    for (const version of [first, ...changes.map((change) => change.version)]) {
      if (!date.test(version)) throw new SettingError('versions', 'dates such as "2026-01-31"', version)
    }
    const later = [...new Set(changes.map(({ version }) => version))].toSorted()
    if (later[0] !== undefined && later[0] <= first) {
      throw new SettingError(
        'versions.first',
        `before all changes, the first of which is of ${later[0]}`,
        first
      )
    }
    if (fallback !== 'first' && fallback !== 'current') {
      throw new SettingError('versions.fallback', "'first' or 'current'", fallback)
    }
    this.header = header.toLowerCase()
    this.versions = [first, ...later]
    const unknown = Object.keys(deprecated).find((version) => !this.versions.includes(version))
    if (unknown !== undefined) {
      throw new SettingError('versions.deprecated', `by versions (${this.versions.join(', ')})`, unknown)
    }
    this.fallback = fallback === 'first' ? first : this.versions.at(-1) ?? first
    this.#changes = changes.toSorted((a, b) => a.version < b.version ? -1 : a.version > b.version ? 1 : 0)
    this.#deprecated = deprecated
  }

  /** @returns the version that a header asks for, known or not */
  asked (header: string | undefined): string {
    return header === undefined || header === '' ? this.fallback : header.trim()
  }

  /** Composes what each version needs on a route, once. @param route e.g. `GET /orders/:id` */
  compile (route: string): ReadonlyMap<string, VersionSteps> {
    return new Map(this.versions.map((version) => [version, this.#steps(route, version)]))
  }

  /** Routes that a change names and that are not among those given: a typing mistake, most likely. */
  strangers (routes: ReadonlySet<string>): readonly string[] {
    const named = this.#changes.flatMap(({ routes }) => Object.keys(routes))
    return [...new Set(named)].filter((route) => !routes.has(route))
  }

  #steps (route: string, version: string): VersionSteps {
    const later = this.#changes.filter((change) => change.version > version)
      .map(({ routes }) => Object.hasOwn(routes, route) ? routes[route] : undefined)
      .filter((change) => change !== undefined)
    const upgrades = later.flatMap(({ request }) => request ?? [])
    // From today's form back to that of the version: the newest change is undone first.
    const downgrades = later.flatMap(({ response }) => response ?? []).toReversed()
    return {
      version,
      upgrade: upgrades.length === 0 ?
        undefined :
        (parts) => upgrades.reduce((now, step) => step(now), parts),
      downgrade: downgrades.length === 0 ?
        undefined :
        (document, status) => downgrades.reduce((now, step) => step(now, status), document),
      headers: this.#headers(version),
    }
  }

  /**
   * @see https://www.rfc-editor.org/rfc/rfc9745 Deprecation
   * @see https://www.rfc-editor.org/rfc/rfc8594 Sunset
   */
  #headers (version: string): readonly (readonly [string, string])[] {
    const named = [[this.header, version]] as const
    const deprecation = Object.hasOwn(this.#deprecated, version) ? this.#deprecated[version] : undefined
    if (deprecation === undefined) return named
    const { since, sunset, link } = deprecation
    return [
      ...named,
      ['deprecation', `@${Math.floor(since.getTime() / 1_000)}`],
      ...sunset === undefined ? [] : [['sunset', sunset.toUTCString()] as const],
      ...link === undefined ? [] : [['link', `<${link}>; rel="deprecation"`] as const],
    ]
  }
}
