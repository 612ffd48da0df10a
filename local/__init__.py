"""The local stack: everything of ``template.yaml`` on one machine, without Docker or an account.

Start it with ``python -m local`` (``make run``). A map of the modules, from the outside in:

================  ====================================================================
``__main__``      the command: options, start page, signals
``stack``         the same as a subprocess, for tests and the demo
``assembly``      puts everything below together
``control``       ``/_local/*``, ``/openapi.json`` and ``/docs``; ``openapi``, ``seeding``
``gateway``       HTTP to API Gateway events and back; ``authorizer``, ``cors``, ``throttle``
``pumps``         what AWS does between functions: ``streams``, ``queues``, ``schedules``,
                  with ``filters`` and failure ``destinations``
``workers``       instances of functions; ``zygote`` forks them, ``runtime`` is inside them
``deployment``    what the template says about functions, routes and event sources
``resources``     table, topic, queues, buckets ... made on the engines
``template``      reads and translates the SAM template; ``intrinsics`` evaluates it
``engines``       ministack (the table) and moto (all else) as child ``processes``;
                  ``ministack_engine`` and ``moto_engine``, both behind ``plain_http``;
                  ``short_way`` leads botocore there, ``waiting`` asks what waits in moto
``clock``         the one clock of all processes, which only ``/_local/clock`` moves
================  ====================================================================
"""
