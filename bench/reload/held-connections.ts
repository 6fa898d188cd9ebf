import { readdirSync, readFileSync, readlinkSync } from 'node:fs'

/**
 * The far ends of the TCP connections (IPv4) that a process holds: the ports of its clients.
 *
 * A connection that several processes hold, or that waits in the accept queue, is nobody's here unless its
 * socket is among the process's open files.
 *
 * @param pid a process of this machine
 */
export function clientPortsOf (pid: number): ReadonlySet<number> {
  const inodes = new Set<string>()
  for (const descriptor of readdirSync(`/proc/${pid}/fd`)) {
    const inode = /^socket:\[(\d+)\]$/.exec(linkOf(`/proc/${pid}/fd/${descriptor}`))?.[1]
    if (inode !== undefined) inodes.add(inode)
  }
  return remotePorts(readFileSync(`/proc/${pid}/net/tcp`, 'utf8'), inodes)
}

/** @param table the content of `/proc/net/tcp`: addresses are hex, the inode is the tenth field */
export function remotePorts (table: string, inodes: ReadonlySet<string>): ReadonlySet<number> {
  const rows = table.split('\n').slice(1).map((line) => line.trim().split(/\s+/))
  const held = rows.filter((fields) => inodes.has(fields[9] ?? ''))
  const ports = held.map((fields) => Number.parseInt(fields[2]?.split(':')[1] ?? '0', 16))
  return new Set(ports.filter((port) => port !== 0)) // a listening socket has no far end
}

/** Whether one of this machine's connections with such a local port has not been closed by its far end. */
export function anyEstablished (localPorts: ReadonlySet<number>): boolean {
  return [...establishedPorts(readFileSync('/proc/net/tcp', 'utf8'))].some((port) => localPorts.has(port))
}

/** @param table the content of `/proc/net/tcp`: the fourth field is the state, 01 an established connection */
export function establishedPorts (table: string): ReadonlySet<number> {
  const rows = table.split('\n').slice(1).map((line) => line.trim().split(/\s+/))
  const open = rows.filter((fields) => fields[3] === '01')
  return new Set(open.map((fields) => Number.parseInt(fields[1]?.split(':')[1] ?? '0', 16)))
}

function linkOf (file: string): string {
  try {
    return readlinkSync(file)
  } catch {
    return '' // closed since it was listed
  }
}
