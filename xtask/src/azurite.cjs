// Runs the program named first and ends with its starter: a tester that is
// killed closes this pipe, and no storage emulator stays behind.
process.stdin.on("end", () => process.exit(0)).resume();
require(process.argv.splice(2, 1)[0]);
