/** A place to listen at, as data. */
export type Address =
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number }
  | { readonly kind: 'unix'; readonly path: string }

const anyHost: ReadonlySet<string> = new Set(['0.0.0.0', '::'])

/** Reads `HOST:PORT`, `[IPV6]:PORT` or `unix:PATH`; `undefined` when it is none of them. */
export function parseAddress (text: string): Address | undefined {
  if (text.startsWith('unix:')) {
    const path = text.slice('unix:'.length)
    return path === '' ? undefined : { kind: 'unix', path }
  }
  const parts = /^(?:\[([0-9a-f:.]+)\]|([^\s:[\]/]+)):(\d{1,5})$/i.exec(text)
  const host = parts?.[1] ?? parts?.[2]
  const port = Number(parts?.[3])
  return host === undefined || port > 65_535 ? undefined : { kind: 'tcp', host, port }
}

/** Whether two addresses cannot both be bound: a wildcard host takes its port on every host. Port 0 never clashes. */
export function clash (a: Address, b: Address): boolean {
  if (a.kind === 'unix' || b.kind === 'unix') return a.kind === b.kind && pathOf(a) === pathOf(b)
  if (a.port !== b.port || a.port === 0) return false
  return a.host === b.host || anyHost.has(a.host) || anyHost.has(b.host)
}

function pathOf (address: Address): string | undefined {
  return address.kind === 'unix' ? address.path : undefined
}
