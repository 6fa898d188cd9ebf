const entities: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" }

/**
 * The contents of all elements of a name, one after another. Enough for what S3 answers, whose elements of one name
 * do not lie in each other, and have no attributes.
 */
export function elementsIn (xml: string, name: string): readonly string[] {
  return [...xml.matchAll(new RegExp(`<${name}>(.*?)</${name}>`, 'gs'))].map(([, content]) => content ?? '')
}

/** The text of the first element of a name. */
export function textIn (xml: string, name: string): string | undefined {
  const [content] = elementsIn(xml, name)
  return content?.replaceAll(
    /&(?:#(\d+)|(amp|lt|gt|quot|apos));/g,
    (_, code: string | undefined, word: string) =>
      code === undefined ? entities[word]! : String.fromCodePoint(Number(code))
  )
}
