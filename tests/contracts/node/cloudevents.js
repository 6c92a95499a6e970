// Reads messages from standard input, one in JSON a line, as CloudEvents' own library does from Kafka; prints each as
// JSON, or what the library has against it: {"event": {...}} or {"refused": "..."}.
const { readFileSync } = require("node:fs");
const { Kafka } = require("cloudevents");

for (const line of readFileSync(0, "utf8").split("\n").filter(Boolean)) {
  const { key, headers, value } = JSON.parse(line);
  try {
    const event = Kafka.toEvent({ key, headers, value, body: value });
    event.validate();
    console.log(JSON.stringify({ event }));
  } catch (why) {
    console.log(JSON.stringify({ refused: `${why.message} ${JSON.stringify(why.errors ?? [])}` }));
  }
}
