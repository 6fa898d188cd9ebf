import { type Bytes, parseBytes, SettingError } from '../../kernel/index.ts'
import type { Coding, EncodeRules, OnEncoded } from './coding/index.ts'
import { codings, isCoding } from './coding/index.ts'
import type { FieldsOptions } from './fields/index.ts'
import type { Format } from './format/index.ts'
import type { WireNaming } from './naming/index.ts'
import type { AsyncResponder } from './prefer/index.ts'
import type { ApiVersions } from './version/index.ts'

export interface CompressOptions {
  /** Smaller bodies stay plain. @default '1KiB' */
  readonly floor?: Bytes
  /** What may be used, the preferred first. @default zstd, Brotli, gzip */
  readonly codings?: readonly Coding[]
  /** Compresses server-sent events too, which then come late where a proxy buffers them. @default false */
  readonly eventStreams?: boolean
}

/** What a route may say of its payloads, in its `config`. */
export interface PayloadSettings {
  /**
   * What the route answers in, the preferred first: `'json'`, `'msgpack'`, and media types that its handler writes
   * itself. With `'msgpack'` it reads such bodies too. @default JSON, whatever the client accepts
   */
  readonly formats?: readonly Format[]
  /** Compresses answers, and reads compressed bodies. @default false */
  readonly compress?: boolean | CompressOptions
  /** Lets clients choose fields with `?fields=a,b.c`. @default false */
  readonly fields?: boolean | FieldsOptions
  /** How names are written on the wire; the schemas and the handler keep theirs. `false` for as they are. @default false */
  readonly naming?: WireNaming | false
  /** Whether the versions of the API hold for the route. @default true where there are any */
  readonly versions?: boolean
  /** Hands requests that prefer so to the app's {@link AsyncResponder}. @default false */
  readonly respondAsync?: boolean
}

/** What all routes of an app share. */
export interface PayloadCommons {
  /** For routes that do not say. */
  readonly defaults?: PayloadSettings
  readonly versions?: ApiVersions
  /** The share of CPU time that is free, 0 to 1. @default 1 */
  readonly headroom?: () => number
  /** Does the work of requests that prefer `respond-async`. @default the preference is ignored */
  readonly asyncResponder?: AsyncResponder
  /** Of a decompressed body where its route names none, in bytes: the app's `bodyLimit`. */
  readonly bodyLimit: number
  readonly onEncoded?: OnEncoded
}

/** What a route says or its app says for it. `false` for what is off. */
export interface ResolvedPayloadSettings {
  readonly formats: readonly Format[] | undefined
  readonly compress: (EncodeRules & { readonly codings: readonly Coding[] }) | false
  readonly fields: FieldsOptions | false
  readonly naming: WireNaming | false
  readonly versions: ApiVersions | undefined
  readonly asyncResponder: AsyncResponder | undefined
}

/** @param name of the route in errors. @throws SettingError */
export function resolvePayloadSettings (
  settings: PayloadSettings,
  { defaults = {}, versions, asyncResponder }: PayloadCommons,
  name: string
): ResolvedPayloadSettings {
  const fields = settings.fields ?? defaults.fields ?? false
  const respondAsync = settings.respondAsync ?? asyncResponder?.takes?.(settings) ?? defaults.respondAsync ??
    false
  const versioned = settings.versions ?? defaults.versions ?? true
  for (const [key, value] of Object.entries({ respondAsync, versions: versioned })) {
    if (typeof value !== 'boolean') throw new SettingError(`${name} config.${key}`, 'true or false', value)
  }
  return {
    formats: settings.formats ?? defaults.formats,
    compress: compressOf(settings.compress ?? defaults.compress ?? false, `${name} config.compress`),
    fields: fields === true ? {} : fields,
    naming: settings.naming ?? defaults.naming ?? false,
    versions: versioned ? versions : undefined,
    asyncResponder: respondAsync ? asyncResponder : undefined,
  }
}

function compressOf (given: boolean | CompressOptions, setting: string): ResolvedPayloadSettings['compress'] {
  if (given === false) return false
  if (given !== true && (typeof given !== 'object' || given === null)) {
    throw new SettingError(setting, 'true, false or an object', given)
  }
  const { floor = '1KiB', codings: offered = codings, eventStreams = false } = given === true ? {} : given
  if (!Array.isArray(offered) || offered.length === 0 || !offered.every(isCoding)) {
    throw new SettingError(`${setting}.codings`, `a list of ${codings.join(', ')}`, offered)
  }
  return { floor: parseBytes(floor, `${setting}.floor`), codings: offered, eventStreams }
}
