"""The gateway as the consortium's board and certificate authority: it keeps and distributes, and decides nothing."""
