from dispatch.core import start

start.quicken()
