export { byStatus, compileNaming, type RouteNaming } from './route-naming.ts'
export { toCamelCase, toSnakeCase, type WireNaming } from './word-case.ts'
