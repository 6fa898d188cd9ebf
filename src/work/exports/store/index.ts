export { directoryStore, type DirectoryStoreOptions } from './directory-store.ts'
export { FileMissingError, StoreUnavailableError } from './errors.ts'
export type { ByteRange, FileStore, LinkOptions, ReadOptions, StoredFile } from './file-store.ts'
export { type S3Credentials, s3Store, type S3StoreOptions } from './s3-store.ts'
