import { checkVclOptions, type VarnishVclOptions } from './vcl-options.ts'

/**
 * The VCL for a Varnish in front of the service: Varnish 7 with the module xkey (Debian: `varnish-modules`).
 *
 * It keeps what `CDN-Cache-Control`, `Surrogate-Control` or `Cache-Control` allow, in this order, and nothing that
 * says nothing; serves stale while it refreshes, and while the origin fails, as long as the response allows; purges
 * by key, soft and hard; and says in `Cache-Status` what it did.
 *
 * @throws SettingError
 */
export function varnishVcl (options: VarnishVclOptions): string {
  checkVclOptions(options)
  return [
    head(options),
    receive(options),
    hash(options),
    hit,
    fetchAndKeep,
    deliver,
  ].join('\n')
}

function head (
  { backend, purgers, trusted, probeSeconds = 0, probePath = '/healthz' }: VarnishVclOptions
): string {
  const probe = probeSeconds === 0 ? '' : `
    .probe = { .url = "${probePath}"; .interval = ${probeSeconds}s; .timeout = 2s; .window = 5; .threshold = 3; .initial = 3; }`
  return `vcl 4.1;
# Made by varnishVcl() of plimsoll/edge. Needs the module xkey (Debian: varnish-modules).

import std;
import xkey;

backend default {
    .host = "${backend.host}";
    .port = "${backend.port}";${probe}
}

${acl('plimsoll_purgers', purgers ?? ['127.0.0.1', '::1'])}
${trusted === undefined || trusted.length === 0 ? '' : acl('plimsoll_trusted', trusted)}`
}

function acl (name: string, networks: readonly string[]): string {
  const lines = networks.map((network) => {
    const [address, bits] = network.split('/')
    return `    "${address}"${bits === undefined ? '' : `/${bits}`};`
  })
  return `acl ${name} {\n${lines.join('\n')}\n}\n`
}

function receive (
  { purgeToken, publicRoutes = [], keyHeaders = [], trusted = [], locales = [] }: VarnishVclOptions
): string {
  const token = purgeToken === undefined ? '' : ` || req.http.X-Purge-Token != "${purgeToken}"`
  const taken = keyHeaders.length === 0 ? '' : `
    # A key header counts only from what authenticates callers.
    if (${trusted.length === 0 ? 'true' : 'client.ip !~ plimsoll_trusted'}) {
${keyHeaders.map((name) => `        unset req.http.${name};`).join('\n')}
    }
`
  const cookies = publicRoutes.length === 0 ? '' : `
    # The same for everyone: nothing that tells callers apart gets to the origin.
    if ((req.method == "GET" || req.method == "HEAD") && req.url ~ "${publicPattern(publicRoutes)}") {
        unset req.http.Cookie;
    }
`
  return `sub vcl_recv {
    unset req.http.X-Purged;
    if (req.method == "PURGE") {
        if (client.ip !~ plimsoll_purgers${token}) {
            return (synth(403, "Forbidden"));
        }
        if (req.http.X-Purge-Mode == "all") {
            ban("obj.status != 0");
            return (synth(200, "Purged"));
        }
        if (!req.http.Surrogate-Key) {
            return (synth(400, "Surrogate-Key is missing"));
        }
        if (req.http.X-Purge-Mode == "soft") {
            set req.http.X-Purged = xkey.softpurge(req.http.Surrogate-Key);
        } else {
            set req.http.X-Purged = xkey.purge(req.http.Surrogate-Key);
        }
        return (synth(200, "Purged"));
    }

    if (req.restarts == 0) {
        # What this VCL tells itself over a restart is not for clients to say.
        unset req.http.X-Plimsoll-Stale;
        set req.grace = 1000d;
    } elsif (req.http.X-Plimsoll-Stale == "refetch") {
        set req.grace = 0s;
    } else {
        set req.grace = 1000d;
    }
${taken}${localeChoice(locales)}${cookies}}
`
}

/** Anchored at both ends; a parameter is one segment, and a query may follow. */
function publicPattern (routes: readonly string[]): string {
  const sources = routes.map((route) =>
    route.replaceAll('.', '\\.').replaceAll(/:\w+/g, '[^/?]+').replace(/\*$/, '[^?]*')
  )
  return `^(${sources.join('|')})(\\?.*)?$`
}

/** The first wish, else any wish in the service's own order, else its first language. */
function localeChoice (locales: readonly string[]): string {
  if (locales.length === 0) return ''
  const choices = [
    ...locales.map((locale) => [locale, `^\\s*${locale}(?=\\s*(-|,|;|$))`] as const),
    ...locales.map((locale) => [locale, `(^|,)\\s*${locale}(?=\\s*(-|,|;|$))`] as const),
  ].map(([locale, pattern]) =>
    `if (req.http.Accept-Language ~ "(?i)${pattern}") {
        set req.http.Accept-Language = "${locale}";
    }`
  )
  return `
    # One of the service's languages, so that it keeps one copy each. Weights (;q=) are not looked at.
    ${choices.join(' else')} else {
        set req.http.Accept-Language = "${locales[0]}";
    }
`
}

function hash ({ keyHeaders = [] }: VarnishVclOptions): string {
  if (keyHeaders.length === 0) return ''
  const data = keyHeaders.map((name) => `    hash_data("${name}=" + req.http.${name});`)
  return `sub vcl_hash {\n${data.join('\n')}\n}\n`
}

const hit = `sub vcl_hit {
    if (obj.ttl < 0s && req.restarts == 0
        && obj.ttl + std.duration(obj.http.X-Plimsoll-SWR + "s", 0s) < 0s) {
        # Too stale to be served without a try; should the origin fail, it comes back for it.
        set req.http.X-Plimsoll-Stale = "refetch";
        return (restart);
    }
}

sub vcl_backend_fetch {
    # Served because the origin has just failed: not asked again at once.
    if (bereq.is_bgfetch && bereq.http.X-Plimsoll-Stale == "serve") {
        return (abandon);
    }
}

sub vcl_backend_error {
    if (bereq.is_bgfetch || bereq.http.X-Plimsoll-Stale == "refetch") {
        return (abandon);
    }
}
`

const fetchAndKeep = `sub vcl_backend_response {
    # A failure never takes the place of what is kept; vcl_synth goes back for that.
    if (beresp.status >= 500 && (bereq.is_bgfetch || bereq.http.X-Plimsoll-Stale == "refetch")) {
        return (abandon);
    }

    # Directives for this cache come before those for all (RFC 9213).
    set beresp.http.X-Plimsoll-Control = beresp.http.Cache-Control;
    if (beresp.http.Surrogate-Control) {
        set beresp.http.X-Plimsoll-Control = beresp.http.Surrogate-Control;
    }
    if (beresp.http.CDN-Cache-Control) {
        set beresp.http.X-Plimsoll-Control = beresp.http.CDN-Cache-Control;
    }

    set beresp.ttl = 0s;
    set beresp.grace = 0s;
    unset beresp.http.X-Plimsoll-SWR;
    if (beresp.http.X-Plimsoll-Control ~ "(?i)(^|[\\s,])max-age=\\d+"
        && beresp.http.X-Plimsoll-Control !~ "(?i)(^|[\\s,])(no-store|no-cache|private)"
        && !beresp.http.Set-Cookie && beresp.http.Vary !~ "\\*") {
        set beresp.ttl = std.duration(
            regsub(beresp.http.X-Plimsoll-Control, "(?i)^.*?(?:^|[\\s,])max-age=(\\d{1,9}).*$", "\\1") + "s", 0s) - beresp.age;
        if (beresp.http.X-Plimsoll-Control ~ "(?i)stale-while-revalidate=\\d+") {
            set beresp.http.X-Plimsoll-SWR = regsub(
                beresp.http.X-Plimsoll-Control, "(?i)^.*stale-while-revalidate=(\\d{1,9}).*$", "\\1");
            set beresp.grace = std.duration(beresp.http.X-Plimsoll-SWR + "s", 0s);
        }
        if (beresp.http.X-Plimsoll-Control ~ "(?i)stale-if-error=\\d+") {
            # Kept as long as either allows; which one it is, vcl_hit decides.
            if (std.duration(regsub(beresp.http.X-Plimsoll-Control,
                "(?i)^.*stale-if-error=(\\d{1,9}).*$", "\\1") + "s", 0s) > beresp.grace) {
                set beresp.grace = std.duration(regsub(beresp.http.X-Plimsoll-Control,
                    "(?i)^.*stale-if-error=(\\d{1,9}).*$", "\\1") + "s", 0s);
            }
        }
        # An expired copy still serves to ask with If-None-Match.
        set beresp.keep = 1h;
    }
    unset beresp.http.X-Plimsoll-Control;

    if (beresp.http.Surrogate-Key) {
        std.collect(beresp.http.Surrogate-Key, " ");
        set beresp.http.xkey = beresp.http.Surrogate-Key;
    }
    unset beresp.http.Surrogate-Key;

    if (beresp.ttl + beresp.grace <= 0s) {
        # Remembered for a while, so that requests for it do not wait for each other.
        set beresp.ttl = 120s;
        set beresp.grace = 0s;
        set beresp.uncacheable = true;
    }
    return (deliver);
}
`

const deliver = `sub vcl_deliver {
    if (obj.hits > 0 && obj.ttl >= 0s) {
        set req.http.X-Plimsoll-Did = "hit";
    } elsif (obj.hits > 0) {
        set req.http.X-Plimsoll-Did = "hit; detail=stale";
    } elsif (obj.uncacheable) {
        set req.http.X-Plimsoll-Did = "fwd=bypass";
    } else {
        set req.http.X-Plimsoll-Did = "fwd=uri-miss; stored";
    }
    # RFC 9211: each cache adds itself after those nearer to the origin.
    if (resp.http.Cache-Status) {
        set resp.http.Cache-Status = resp.http.Cache-Status + ", varnish; " + req.http.X-Plimsoll-Did;
    } else {
        set resp.http.Cache-Status = "varnish; " + req.http.X-Plimsoll-Did;
    }
    unset resp.http.xkey;
    unset resp.http.CDN-Cache-Control;
    unset resp.http.Surrogate-Control;
    unset resp.http.Cache-Tag;
    unset resp.http.X-Plimsoll-SWR;
}

sub vcl_synth {
    if (req.http.X-Plimsoll-Stale == "refetch") {
        set req.http.X-Plimsoll-Stale = "serve";
        return (restart);
    }
    if (req.http.X-Purged) {
        set resp.http.X-Purged = req.http.X-Purged;
    }
    set resp.http.Content-Type = "text/plain; charset=utf-8";
    set resp.body = resp.reason;
    return (deliver);
}
`
