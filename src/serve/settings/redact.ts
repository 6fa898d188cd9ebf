const hidden = '***'
// libpq and most clients take a password as a parameter as well.
const secretParameter = /^(password|passwd|pwd|sslpassword|token|secret|key)$/i

/** A URL with its password, and parameters that hold one, replaced by `***`; text that is no URL is hidden whole. */
export function redactUrl (text: string): string {
  if (text === 'embedded') return text
  // `user:secret@host` parses as a URL of the scheme `user:`.
  const url = text.includes('://') ? URL.parse(text) : null
  if (url === null) return '(hidden: not a URL)'
  if (url.password !== '') url.password = hidden
  const secrets = Array.from(url.searchParams.keys()).filter((name) => secretParameter.test(name))
  for (const name of secrets) url.searchParams.set(name, hidden)
  return url.href
}
