export * from './policy/index.ts'
export * from './purge/index.ts'
export * from './varnish/index.ts'
