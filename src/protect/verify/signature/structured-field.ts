import {
  type Dictionary,
  isInnerList,
  parseDictionary,
  parseItem,
  parseList,
  serializeDictionary,
  serializeInnerList,
  serializeItem,
  serializeList,
} from 'structured-headers'

/** How the value of a structured field is built. */
export type StructuredKind = 'item' | 'list' | 'dictionary'

/** Fields whose kind is known, so that a signature may cover their strict form (`sf`). */
export const structuredFields: Readonly<Record<string, StructuredKind>> = {
  'accept-signature': 'dictionary',
  'cache-control': 'dictionary',
  'cache-status': 'list',
  'client-cert': 'item',
  'client-cert-chain': 'list',
  'content-digest': 'dictionary',
  'idempotency-key': 'item',
  'priority': 'dictionary',
  'repr-digest': 'dictionary',
  'signature': 'dictionary',
  'signature-input': 'dictionary',
  'want-content-digest': 'dictionary',
  'want-repr-digest': 'dictionary',
}

/** @returns undefined when the text is not a dictionary, or longer than `longest` characters */
export function readDictionary (text: string, longest: number = Infinity): Dictionary | undefined {
  if (text.length > longest) return undefined
  try {
    return parseDictionary(text)
  } catch {
    return undefined
  }
}

/** The canonical text of a structured field. @returns undefined when it is not of that kind */
export function strictForm (text: string, kind: StructuredKind): string | undefined {
  try {
    if (kind === 'item') return serializeItem(parseItem(text))
    return kind === 'list' ? serializeList(parseList(text)) : serializeDictionary(parseDictionary(text))
  } catch {
    return undefined
  }
}

/** The canonical text of one member of a dictionary. @returns undefined when there is none */
export function memberForm (text: string, key: string): string | undefined {
  const member = readDictionary(text)?.get(key)
  if (member === undefined) return undefined
  try {
    return isInnerList(member) ? serializeInnerList(member) : serializeItem(member)
  } catch {
    return undefined
  }
}
