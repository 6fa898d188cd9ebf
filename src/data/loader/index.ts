export { type Fetch, type Loader, type LoaderOptions, loadMany, loadOne } from './loader.ts'
