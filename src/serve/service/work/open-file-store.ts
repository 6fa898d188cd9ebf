import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { SettingError } from '../../../kernel/index.ts'
import type { FileStore } from '../../../work/exports/index.ts'
import type { Settings } from '../../settings/index.ts'

/** What a process finds of Amazon's usual variables. */
type Variables = Readonly<Record<string, string | undefined>>

/**
 * Where files of exports lie.
 *
 * @param variables where keys of S3 are looked for that the URL does not have: AWS_ACCESS_KEY_ID and its like
 * @throws SettingError
 */
export async function openFileStore (
  { exports: { store }, stateDirectory }: Pick<Settings, 'exports' | 'stateDirectory'>,
  variables: Variables
): Promise<FileStore> {
  const { directoryStore, s3Store } = await import('../../../work/exports/index.ts')
  const url = store === undefined ? undefined : new URL(store)
  if (url === undefined) return directoryStore({ path: join(stateDirectory, 'exports') })
  if (url.protocol === 'file:') return directoryStore({ path: fileURLToPath(url) })
  const endpoint = url.searchParams.get('endpoint')
  const region = url.searchParams.get('region') ?? variables['AWS_REGION']
  const prefix = url.pathname.replace(/^\/|\/$/g, '')
  const accessKeyId = decodeURIComponent(url.username) || variables['AWS_ACCESS_KEY_ID']
  const secretAccessKey = decodeURIComponent(url.password) || variables['AWS_SECRET_ACCESS_KEY']
  if (accessKeyId === undefined || secretAccessKey === undefined)
    throw new SettingError(
      'exports.store',
      'with its keys, or used with AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY',
      's3:'
    )
  return s3Store({
    endpoint: endpoint ?? `https://s3.${region ?? 'us-east-1'}.amazonaws.com`,
    bucket: url.hostname,
    region,
    credentials: { accessKeyId, secretAccessKey, sessionToken: variables['AWS_SESSION_TOKEN'] },
    ...(prefix === '' ? {} : { prefix }),
  })
}
