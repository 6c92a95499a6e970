"""The sandbox: another company's payment provider, without money, for demos and tests.

It shares nothing with Diandian but HTTP and one key. A merchant starts, captures, voids, refunds and looks up payments;
a guest approves or declines on its page, and plays what goes wrong with real providers; it sends signed notices until
they are taken. Its own record lies in one file that survives `kill -9`.
"""
