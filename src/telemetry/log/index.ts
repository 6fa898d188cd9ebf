export { type AccessEntry, type AccessLog, accessLog, type AccessLogOptions } from './access-log.ts'
export { calmLogger, type CalmLoggerOptions } from './calm-logger.ts'
export {
  createLogger,
  type LogDestination,
  type Logger,
  type LoggerOptions,
  type LogLevel,
  logLevels,
} from './logger.ts'
