import { join } from 'node:path'
import { embeddedPostgres } from '../engines/index.ts'
import type { ResolvedSettings, Settings } from '../serve/settings/index.ts'

/** What the embedded database tells while it starts. */
export interface DatabaseNews {
  /** A step of the start begins. */
  progress(message: string): void
  /** Something that the user should know. */
  note(message: string): void
}

/**
 * The embedded database of one run of the command: started when the settings first ask for it, stopped at the
 * end, and kept over reloads.
 */
export class EmbeddedDatabase implements AsyncDisposable {
  readonly #news: DatabaseNews
  #server: ReturnType<typeof embeddedPostgres> | undefined
  #directory = ''

  constructor (news: DatabaseNews) {
    this.#news = news
  }

  /** Where its data are; empty as long as it is not used. */
  get directory (): string {
    return this.#directory
  }

  /** The settings with the database's real URL in place of `embedded`, starting it if it does not run. */
  async provide (resolved: ResolvedSettings): Promise<ResolvedSettings> {
    const { settings } = resolved
    if (settings.database.url !== 'embedded') return resolved
    if (this.#server === undefined) {
      this.#server = embeddedPostgres({
        directory: join(settings.stateDirectory, 'postgres'),
        onProgress: (message) => this.#news.progress(message),
        log: (message) => this.#news.note(message),
      })
    }
    const { url, home } = await this.#server.connect()
    this.#directory = home
    return { ...resolved, settings: withDatabase(settings, url) }
  }

  async [Symbol.asyncDispose] (): Promise<void> {
    await this.#server?.close()
  }
}

/** Workers see an ordinary URL, so it is said here that `auto` means: seed it. */
function withDatabase (settings: Settings, url: string): Settings {
  const seed = settings.database.seed === 'auto' ? 'always' : settings.database.seed
  return { ...settings, database: { ...settings.database, url, seed } }
}
