"""The embedded copy: Kafka, SecantusDB, five services and the gateway on one machine, without Docker.

Everything it writes is in one home folder, everything it listens on follows from one port, and it stops only what
it started itself. `make up` uses it, and tests start several copies side by side:

    copy = Local(tmp_path, 21000)
    copy.up()
    copy.kill("orders")
    copy.start("orders")
    copy.down()
"""
