"""The resources that are simulated, as data.

One row a resource.  Everything the operations need to know about a kind of
resource stands in its row, so a further resource is a further row.
"""

from dataclasses import dataclass

#: Statuses a job passes through while it is being made, with the share of the
#: job's time at which each one begins.
LIFE_CYCLE = ((0.0, "CREATE_PENDING"), (0.5, "CREATE_IN_PROGRESS"), (1.0, "ACTIVE"))

#: Statuses in which the service is at work: the resource can't be deleted, and
#: its LastModificationTime is always now.
BUSY_STATUSES = frozenset(
    {
        "CREATE_PENDING",
        "CREATE_IN_PROGRESS",
        "CREATE_STOPPING",
        "DELETE_PENDING",
        "DELETE_IN_PROGRESS",
    }
)


@dataclass(frozen=True)
class Resource:
    """A kind of resource."""

    #: As in Create<noun>, Describe<noun>, Delete<noun>, <noun>Arn, <noun>Name.
    noun: str
    #: As in List<plural>, which is also the list member of its answer.
    plural: str
    #: The part of the ARN that tells the kind.
    arn_kind: str
    #: The input member that refers to the parent, and the parent's kind in ARNs.
    parent: tuple
    #: Keys that the Filters of the List operation accept.
    filters: tuple

    @property
    def arn_member(self):
        """The member that identifies a resource."""
        return self.noun + "Arn"

    @property
    def name_member(self):
        """The member that holds the name the user gave."""
        return self.noun + "Name"


RESOURCES = (
    Resource(
        noun="PredictorBacktestExportJob",
        plural="PredictorBacktestExportJobs",
        arn_kind="predictor-backtest-export-job",
        parent=("PredictorArn", "predictor"),
        filters=("PredictorArn", "Status"),
    ),
)
