/** Longest path with its query, in characters. */
const longest = 2_048

/** What a request target may be written with; everything else has to be percent-encoded. */
const signs = /^\/[\w!$&'()*+,;=:@%/?.~-]*$/

/**
 * What is wrong with the path of a part, to follow "must"; `undefined` for a good one.
 *
 * A proxy before the service may let clients reach a part of its routes only, by the beginning of their paths. A
 * batch must not be a way around it: the path has to begin with `within`, and nothing in it may lead out again,
 * for whoever decodes it once or twice.
 *
 * @param within ends in a slash
 * @see https://www.rfc-editor.org/rfc/rfc9112#section-3.2.1 origin-form
 */
export function pathFault (path: string, within: string): string | undefined {
  if (path.length > longest) return `have at most ${longest} characters`
  if (path.startsWith('//') || !signs.test(path)) {
    return 'be a path of this service with its query, such as /orders/7?fields=id: no scheme, no host, no fragment'
  }
  const [plain = ''] = path.split('?', 1)
  const decoded = decodeTwice(plain)
  if (decoded === undefined) return 'be percent-encoded as UTF-8'
  if (decoded.split(/[/\\]/).some((segment) => segment === '.' || segment === '..')) {
    return 'have no segments "." and ".."'
  }
  if (!plain.startsWith(within)) return `begin with ${within}`
  return undefined
}

function decodeTwice (path: string): string | undefined {
  try {
    const once = decodeURIComponent(path)
    // A percent sign that stands for itself makes the second round fail, which is no fault.
    return /%[\da-f]{2}/i.test(once) ? decodeLoosely(once) : once
  } catch {
    return undefined
  }
}

/** Decodes what is ASCII: dots and slashes are. */
function decodeLoosely (text: string): string {
  return text.replaceAll(
    /%([0-7][\da-f])/gi,
    (_match, digits: string) => String.fromCharCode(Number.parseInt(digits, 16))
  )
}
