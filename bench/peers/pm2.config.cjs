module.exports = {
  apps: [{
    name: 'bench',
    script: `${__dirname}/reload-pm2.js`,
    exec_mode: 'cluster',
    instances: 2,
    wait_ready: true,
    listen_timeout: 30_000,
    kill_timeout: 10_000,
  }],
}
