"""The local stack: everything of ``template.yaml`` on one machine, without Docker or an account.

Start it with ``python -m local`` (``make run``). A map of the modules, from the outside in:

===============  =====================================================================
``__main__``     the command: options, start page, signals
``stack``        the same as a subprocess, for tests and the demo
``control``      ``/_local/*``, ``/openapi.json`` and ``/docs``
``gateway``      HTTP to API Gateway v2 events and back; ``authorizer``, ``cors``, ``throttle``
``pumps``        what AWS does between the functions: ``streams``, ``queues``, ``schedules``
``workers``      instances of functions; ``zygote`` forks them, ``runtime`` runs inside them
``deployment``   what the template says about functions, routes and event sources
``resources``    table, topic, queues, buckets ... made on the engines
``template``     reads and translates the SAM template; ``intrinsics`` evaluates it
``engines``      ministack (the table) and moto (all else) as child processes
``clock``        the one clock of all processes, which only tests and the demo move
===============  =====================================================================
"""
