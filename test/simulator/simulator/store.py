"""Where resources live: in creation order, found by ARN, a million if need be.

A Collection holds single resources, which were created through the API or come
from a fixture, and generated blocks, which are a formula and cost no memory.
Every resource has a sequence number; the order of the numbers is the order of
List, so paging stays stable while resources come and go.
"""

import heapq
from bisect import bisect_left, bisect_right, insort

from .resources import BUSY_STATUSES, LIFE_CYCLE


class Fixed:
    """A resource from a fixture: it keeps its status for ever."""

    __slots__ = ("members",)

    def __init__(self, members):
        self.members = members

    def view(self, now):
        """The members as they are now."""
        del now  # they never change
        return self.members


class Running:
    """A resource made by a Create operation: its status follows the clock."""

    __slots__ = ("members", "_created", "_seconds")

    def __init__(self, members, now, seconds):
        self.members = members
        self._created = now
        self._seconds = seconds

    def view(self, now):
        """The members as they are now."""
        elapsed = now - self._created
        status = next(
            status
            for share, status in reversed(LIFE_CYCLE)
            if elapsed >= share * self._seconds
        )
        modified = now if status in BUSY_STATUSES else self._created + self._seconds
        return {
            **self.members,
            "Status": status,
            "CreationTime": self._created,
            "LastModificationTime": modified,
        }


class Leaving:
    """A resource that is being deleted, until its time has come."""

    __slots__ = ("members", "_gone_at")

    def __init__(self, members, gone_at):
        self.members = members
        self._gone_at = gone_at

    def view(self, now):
        """The members as they are now; None once the resource is gone."""
        if now >= self._gone_at:
            return None
        return {
            **self.members,
            "Status": "DELETE_IN_PROGRESS",
            "LastModificationTime": now,
        }


class Collection:
    """All resources of one kind."""

    def __init__(self, arn_member):
        self._arn_member = arn_member
        self._next = 0
        self._by_arn = {}  # ARN -> sequence number, single resources only
        self._single = {}  # sequence number -> resource
        self._order = []  # the keys of _single, sorted
        self._blocks = []  # (first sequence number, block)
        self._removed = set()  # sequence numbers taken out of blocks

    def __len__(self):
        generated = sum(block.count for _, block in self._blocks)
        return len(self._single) + generated - len(self._removed)

    def put(self, resource):
        """Add a resource at the end, or replace the one with its ARN in place."""
        arn = resource.members[self._arn_member]
        sequence = self._find(arn)
        if sequence is None:
            sequence = self._next
            self._next += 1
        if sequence not in self._single:
            insort(self._order, sequence)
            if self._place(sequence):
                self._removed.add(sequence)
        self._single[sequence] = resource
        self._by_arn[arn] = sequence

    def put_block(self, block):
        """Add a block of generated resources at the end."""
        self._blocks.append((self._next, block))
        self._next += block.count

    def get(self, arn, now):
        """The members of a resource, or None."""
        sequence = self._find(arn)
        if sequence is None:
            return None
        resource = self._single.get(sequence)
        if resource is None:
            block, index = self._place(sequence)
            return block.view(index)
        view = resource.view(now)
        if view is None:
            self._drop(sequence, arn)
        return view

    def remove(self, arn):
        """Take a resource out."""
        sequence = self._find(arn)
        if sequence in self._single:
            self._drop(sequence, arn)
        else:
            self._removed.add(sequence)

    def scan(self, after, tests, now):
        """(sequence number, members) of what follows a number and passes all tests."""
        start = bisect_right(self._order, after)
        single = map(self._order.__getitem__, range(start, len(self._order)))
        streams = [single]
        streams += [
            range(max(first, after + 1), first + block.count)
            for first, block in self._blocks
        ]
        for sequence in heapq.merge(*streams):
            resource = self._single.get(sequence)
            if resource is not None:
                view = resource.view(now)
                if view is not None and all(test(view) for test in tests):
                    yield sequence, view
            elif sequence not in self._removed:
                block, index = self._place(sequence)
                outline = block.outline(index) if tests else None
                if all(test(outline) for test in tests):
                    yield sequence, block.view(index)

    def _find(self, arn):
        sequence = self._by_arn.get(arn)
        if sequence is not None:
            return sequence
        for first, block in self._blocks:
            index = block.index_of(arn)
            if index is not None and first + index not in self._removed:
                return first + index
        return None

    def _place(self, sequence):
        """The block that a sequence number lies in, and its index there; or None."""
        for first, block in self._blocks:
            if first <= sequence < first + block.count:
                return block, sequence - first
        return None

    def _drop(self, sequence, arn):
        del self._single[sequence]
        del self._by_arn[arn]
        del self._order[bisect_left(self._order, sequence)]
