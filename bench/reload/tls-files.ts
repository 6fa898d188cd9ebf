import { writeFileSync } from 'node:fs'
import path from 'node:path'
import { generate } from 'selfsigned'
import { scratchFolder } from '../harness/index.ts'

/** Files of a key and its certificate, in PEM. */
export interface TlsFiles {
  readonly key: string
  readonly cert: string
}

/** Makes a self-signed key and certificate (P-256) for the loopback. */
export async function makeTlsFiles (): Promise<TlsFiles> {
  const made = await generate([{ name: 'commonName', value: 'localhost' }], { keyType: 'ec' })
  const folder = scratchFolder('tls')
  const files = { key: path.join(folder, 'key.pem'), cert: path.join(folder, 'cert.pem') }
  writeFileSync(files.key, made.private, { mode: 0o600 })
  writeFileSync(files.cert, made.cert)
  return files
}
