"""A simulated bank: a process of its own, with its own state, that pays out over HTTP and can be told to misbehave.

The rules are pure (`rules`, `decisions`), what happened is a list of events (`events`) that is written to a journal
(`journal`) before anybody hears of it, and the present state is those events added up (`book`). `teller` joins them,
`api` speaks HTTP. The interface is described in docs/simulated-bank.md.
"""
