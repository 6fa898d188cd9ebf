import { SettingError } from '../../../kernel/index.ts'

/** The caches in front of the service that Plimsoll knows how to speak to. */
export type EdgeName = 'varnish' | 'fastly' | 'cloudflare'

/** How one kind of edge wants its keys and directives. */
export interface EdgeDialect {
  /** Header of the directives for the edge alone. */
  readonly control: 'cdn-cache-control' | 'surrogate-control'
  readonly keys: 'surrogate-key' | 'cache-tag'
  readonly separator: ' ' | ','
  /** What one response may carry; more would be dropped in silence, or fail the fetch. */
  readonly maxHeaderBytes: number
  readonly maxKeys: number
}

/**
 * @see https://www.fastly.com/documentation/reference/http/http-headers/Surrogate-Key/ 16,384 bytes
 * @see https://developers.cloudflare.com/cache/how-to/purge-cache/purge-by-tags/ 16 KB, 1,000 tags
 * @see https://varnish-cache.org/docs/7.1/reference/varnishd.html `http_resp_hdr_len`: 8 KiB a line with its name
 */
export const edgeDialects: Readonly<Record<EdgeName, EdgeDialect>> = {
  varnish: {
    control: 'cdn-cache-control',
    keys: 'surrogate-key',
    separator: ' ',
    maxHeaderBytes: 8_000,
    maxKeys: Infinity,
  },
  fastly: {
    control: 'surrogate-control',
    keys: 'surrogate-key',
    separator: ' ',
    maxHeaderBytes: 16_384,
    maxKeys: Infinity,
  },
  cloudflare: {
    control: 'cdn-cache-control',
    keys: 'cache-tag',
    separator: ',',
    maxHeaderBytes: 16_000,
    maxKeys: 1_000,
  },
}

/** @throws SettingError for a name that is not known */
export function dialectsOf (names: readonly EdgeName[]): readonly EdgeDialect[] {
  return names.map((name) => {
    if (!Object.hasOwn(edgeDialects, name)) {
      throw new SettingError('edge.edges', `some of ${Object.keys(edgeDialects).join(', ')}`, name)
    }
    return edgeDialects[name]
  })
}
