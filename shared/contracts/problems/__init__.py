"""The codes of problems (RFC 9457) that the five services answer: a part of the contract, explained to people."""
