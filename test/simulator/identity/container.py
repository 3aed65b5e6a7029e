"""The agents that give containers their role.

ECS: /v2/credentials/<id>, an address that only the task knows.  EKS Pod Identity:
/v1/credentials, for those who send the token from the pod's file.
"""

from simulator.errors import ApiError
from simulator.model import to_json
from simulator.server import Answer

from .call import Call

TASK_PREFIX = "/v2/credentials/"
POD_PATH = "/v1/credentials"
#: The id that ECS gave the task; its role has the same name.
TASK_ID = "task"
POD_ROLE = "pod"
#: What the pod's token file holds, and Authorization has to be.
POD_TOKEN = "ThePodsOwnToken.NobodyMaySeeIt.0123456789"
ROLE_SECONDS = 6 * 3600


class Container:
    """Both agents."""

    def __init__(self, world, issuer):
        self._world = world
        self._issuer = issuer

    def call(self, request):
        """The call that a request makes."""
        path = request.target.partition("?")[0]
        pod = path == POD_PATH

        def result(verified):
            if request.method != "GET":
                raise ApiError("MethodNotAllowed", status=405)
            if not pod:
                return self._task(path.removeprefix(TASK_PREFIX))
            if verified and request.headers.get("authorization") != POD_TOKEN:
                raise ApiError(
                    "AccessDeniedException", "Unauthorized pod identity token", status=401
                )
            return self._credentials(POD_ROLE)

        return Call(
            operation="GetPodCredentials" if pod else "GetTaskCredentials",
            input={"method": request.method, "path": request.target},
            result=result,
            render=lambda value, _: Answer(200, to_json(value), "application/json"),
            refuse=refuse,
            throttled=ApiError("TooManyRequestsException", "Rate exceeded", status=429),
        )

    def _task(self, task_id):
        if task_id != TASK_ID:
            raise ApiError("InvalidIdInRequest", "CredentialsV2Request: not found")
        arn = self._world.role_arn(TASK_ID)
        return {"RoleArn": arn, **self._credentials(TASK_ID)}

    def _credentials(self, role):
        issued = self._issuer.issue(self._world.role_arn(role), ROLE_SECONDS)
        return {
            "AccessKeyId": issued.access_key_id,
            "SecretAccessKey": issued.secret_access_key,
            "Token": issued.session_token,
            "Expiration": issued.expiration_text,
        }


def refuse(error, _):
    """An error as the agents write it."""
    body = {
        "code": error.code,
        "message": error.message,
        "HTTPErrorCode": error.status,
    }
    return Answer(error.status, to_json(body), "application/json", error=error.code)
