process.on('message', (message) => {
  process.send?.({ echo: message, argument: process.argv[2], variable: process.env.ECHO_VARIABLE });
});
setInterval(() => undefined, 60_000); // An open connection or a timer would keep a real worker up like this.
console.log('echo is up');
process.send?.({ isUp: true });
