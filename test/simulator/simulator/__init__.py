"""An Amazon Forecast that runs on this machine.

    main      command line, start and stop
    server    HTTP/1.1 on asyncio: bytes to requests, answers to bytes
    application   one API request from arrival to answer, and its log entry
    auth      Signature Version 4, verified by botocore's own signer
    model     the published service model: checks inputs, writes outputs
    resources the simulated resources, as a table
    service   what the operations do
    store     where the resources live
    fixture   resources and credentials from a JSON file
    faults    misbehaviour on request
    weather   a limit of the rate, and storms of faults
    clock     a clock that can be wrong
    journal   the request log and the counters
    control   the unsigned control plane under /_simulator/

Nothing here knows the client under test.  What is accepted follows from the
published service model and from botocore's signer.
"""
