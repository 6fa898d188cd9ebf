/** A fenced block of code in a page. */
export interface CodeBlock {
  /** The info string's first word: `ts`, `sh`; empty when there is none. */
  readonly language: string
  /** What an HTML comment on the line before says: `run`, `run: shop`, `fragment`. */
  readonly marker: string | undefined
  readonly text: string
  /** Of its first line of code, counted from 1. */
  readonly line: number
}

export interface Link {
  readonly target: string
  readonly line: number
}

export interface Page {
  /** What `#...` in a link can name. */
  readonly anchors: ReadonlySet<string>
  readonly links: readonly Link[]
  readonly blocks: readonly CodeBlock[]
  /** The contents of `inline code`, with lines. */
  readonly spans: readonly { readonly text: string; readonly line: number }[]
}

const fence = /^ {0,3}(`{3,}|~{3,})\s*(\S*)/
const linkTarget = /\]\(\s*<?([^)\s>]+)>?(?:\s+"[^"]*")?\s*\)|^\[[^\]]+\]:\s*(\S+)|\b(?:href|src)="([^"]+)"/g

/** Reads what the checks of the documentation need from Markdown: headings, links, code. */
export function parsePage (source: string): Page {
  const anchors = new Set<string>()
  const links: Link[] = []
  const blocks: CodeBlock[] = []
  const spans: { text: string; line: number }[] = []
  const lines = source.split('\n')
  let marker: string | undefined

  for (let at = 0; at < lines.length; at += 1) {
    const line = lines[at] ?? ''
    const opened = fence.exec(line)
    if (opened !== null) {
      const end = lines.findIndex((text, later) => later > at && text.trim() === opened[1])
      const last = end < 0 ? lines.length : end
      blocks.push({
        language: opened[2] ?? '',
        marker,
        text: lines.slice(at + 1, last).join('\n'),
        line: at + 2,
      })
      at = last
      marker = undefined
      continue
    }
    marker = /^\s*<!--\s*(.*?)\s*-->\s*$/.exec(line)?.[1] ?? (line.trim() === '' ? marker : undefined)
    const heading = /^#{1,6}\s+(.*?)\s*#*$/.exec(line)?.[1]
    if (heading !== undefined) addAnchor(slugOf(heading))
    for (const found of line.matchAll(/\b(?:id|name)="([^"]+)"/g)) anchors.add(found[1] ?? '')
    const prose = line.replaceAll(/(`+)(.+?)\1/g, (_, __, text: string) => {
      spans.push({ text: text.trim(), line: at + 1 })
      return ''
    })
    for (const found of prose.matchAll(linkTarget)) {
      links.push({ target: found[1] ?? found[2] ?? found[3] ?? '', line: at + 1 })
    }
  }
  return { anchors, links, blocks, spans }

  /** The second heading of the same words gets `-1`, as on GitHub. */
  function addAnchor (slug: string): void {
    let name = slug
    for (let count = 1; anchors.has(name); count += 1) name = `${slug}-${count}`
    anchors.add(name)
  }
}

function slugOf (heading: string): string {
  return heading
    .replaceAll(/\[([^\]]*)\]\([^)]*\)/g, '$1')
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N}\p{M}\s_-]/gu, '')
    .replaceAll(/\s/g, '-')
}
