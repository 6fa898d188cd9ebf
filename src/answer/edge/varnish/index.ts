export { varnishVcl } from './varnish-vcl.ts'
export { type VarnishBackend, type VarnishVclOptions } from './vcl-options.ts'
