"""Where AWS clients get credentials from, on this machine.

STS, the instance metadata service and the container agents, on one port.  What
they have in common with the simulator of Forecast (HTTP, signatures, faults, the
log) is taken from there.

    main            the command line
    application     one request: its log entry, its fault, its answer
    world           the roles, keys and tokens that exist
    issuer          temporary credentials
    sts             AssumeRole, AssumeRoleWithWebIdentity
    metadata        instance metadata, version 2
    container       the agents of ECS and EKS
    control         the control plane
"""
