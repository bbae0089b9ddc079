package org.sparkqwen.job.buckets;

import java.io.Serializable;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.sparkqwen.job.columns.GroupColumn;

/// The thresholds of all groups. A run computes them once, and keeps them in its state.
///
/// @param groups the groups, in the order of their keys; one without a key, if rows are not grouped
/// @param seconds the time that it took to compute them
public record Thresholds(List<Group> groups, double seconds) {
    public Thresholds {
        groups = List.copyOf(groups);
    }

    /// The thresholds of a group, and how many rows are in its buckets.
    ///
    /// @param key the group's key, see [GroupColumn]; null for rows without a value, and if rows are not grouped
    /// @param rows the rows of the group
    /// @param head how many rows have at most `headUpTo`
    /// @param middle how many have more than that, and at most `middleUpTo`
    /// @param tail how many have more than that. Rows without the figure are in no bucket.
    /// @param headUpTo the greatest value of the head; null if no row of the group has the figure
    /// @param middleUpTo the greatest value that belongs to the middle, which is `headUpTo` if that has no rows
    public record Group(
            @Nullable String key,
            long rows,
            long head,
            long middle,
            long tail,
            @Nullable Double headUpTo,
            @Nullable Double middleUpTo)
            implements Serializable {
        public Group {
            if ((headUpTo == null) != (middleUpTo == null)) {
                throw new IllegalArgumentException("it has one threshold of two");
            }
        }

        /// Returns the value that the rows of the group have in common, for a person.
        public @Nullable String value() {
            return GroupColumn.value(key);
        }

        /// Returns how many rows are in no bucket.
        public long none() {
            return rows - head - middle - tail;
        }

        /// Returns the bucket of a value; null for a row without one.
        @Nullable
        Bucket bucket(@Nullable Double value) {
            if (value == null || value.isNaN() || headUpTo == null || middleUpTo == null) {
                return null;
            }
            return value <= headUpTo ? Bucket.HEAD : value <= middleUpTo ? Bucket.MIDDLE : Bucket.TAIL;
        }
    }

    /// Returns the groups by their keys.
    Map<@Nullable String, Group> byKey() {
        Map<@Nullable String, Group> byKey = new HashMap<>();
        groups.forEach(group -> byKey.put(group.key(), group));
        return byKey;
    }
}
