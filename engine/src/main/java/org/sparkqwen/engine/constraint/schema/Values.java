package org.sparkqwen.engine.constraint.schema;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// JSON values of one kind that a schema allows: listed values, numbers, strings, arrays or objects.
sealed interface Values permits ListedValues, NumberRange, StringSet, ArrayShape, ObjectShape {
    Origin origin();

    /// Returns these values with another origin.
    Values withOrigin(Origin origin);

    /// Returns the values that are in both sets, or null if there are none.
    @Nullable
    Values and(Values other, Meanings meanings);

    /// Returns the values that are not in `other`. Some may be missing, if they have properties that no
    /// schema names.
    ///
    /// @throws RefusedConstraint if the values cannot be determined
    List<Values> minus(Values other, Meanings meanings);

    boolean contains(JsonNode value, Meanings meanings);

    /// Tells whether it is certain that there are no values. The result is false if that cannot be
    /// determined.
    boolean isNever(Meanings meanings);
}
