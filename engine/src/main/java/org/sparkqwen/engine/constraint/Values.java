package org.sparkqwen.engine.constraint;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// JSON values of one kind that a schema allows: those of a list, numbers, strings, arrays or objects.
sealed interface Values permits ListedValues, NumberRange, StringSet, ArrayShape, ObjectShape {
    Origin origin();

    /// Returns these values with another origin.
    Values withOrigin(Origin origin);

    /// The values that are in both; null if there are none.
    @Nullable
    Values and(Values other, Meanings meanings);

    /// The values that are not in `other`. Some of those may be missing, if they have properties that no
    /// schema names.
    ///
    /// @throws RefusedConstraint if this cannot tell
    List<Values> minus(Values other, Meanings meanings);

    boolean contains(JsonNode value, Meanings meanings);

    /// Whether it is certain that there are no values; false if this cannot tell.
    boolean isNever(Meanings meanings);
}
