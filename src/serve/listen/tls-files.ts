import { readFile } from 'node:fs/promises'
import { createSecureContext } from 'node:tls'
import { SettingError } from '../../kernel/index.ts'
import { errnoOf } from './errors.ts'

export interface TlsMaterial {
  /** The private key, PEM, not encrypted. */
  readonly key: string | Buffer
  /** The certificate of that key and those between it and a root, PEM. */
  readonly cert: string | Buffer
  /** 48 bytes that all workers share, so that a session begun with one resumes with another. @default random */
  readonly ticketKeys?: Buffer
}

/**
 * Reads the key and the certificate, and checks that they are one pair.
 *
 * @param paths of PEM files
 * @throws SettingError naming `tls.key` or `tls.cert`
 */
export async function readTlsFiles (
  paths: { readonly key: string; readonly cert: string }
): Promise<Pick<TlsMaterial, 'key' | 'cert'>> {
  const [key, cert] = await Promise.all([readPem('tls.key', paths.key), readPem('tls.cert', paths.cert)])
  checkTlsMaterial({ key, cert }, paths)
  return { key, cert }
}

/**
 * @param shown what an error shows in place of the material itself, which is a secret
 * @throws SettingError naming `tls.key` or `tls.cert`
 */
export function checkTlsMaterial (
  { key, cert }: TlsMaterial,
  shown: { readonly key: string; readonly cert: string }
): void {
  check('tls.cert', 'a PEM certificate', shown.cert, () => createSecureContext({ cert }))
  check('tls.key', 'a PEM private key without a passphrase', shown.key, () => createSecureContext({ key }))
  check('tls.cert', 'the certificate of the key in tls.key', shown.cert, () => {
    createSecureContext({ cert, key })
  })
}

async function readPem (setting: string, path: string): Promise<Buffer> {
  try {
    return await readFile(path)
  } catch (error) {
    throw withCause(new SettingError(setting, `the path of a readable file (${errnoOf(error)})`, path), error)
  }
}

function check (setting: string, rule: string, shown: string, run: () => void): void {
  try {
    run()
  } catch (error) {
    throw withCause(new SettingError(setting, rule, shown), error)
  }
}

function withCause (error: SettingError, cause: unknown): SettingError {
  error.cause = cause
  return error
}
