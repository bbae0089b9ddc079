package org.sparkqwen.engine.request;

import java.io.Serializable;
import java.util.HashSet;
import java.util.List;
import java.util.OptionalDouble;
import java.util.Set;
import org.sparkqwen.engine.message.Quote;

/// The labels among which a text is classified: at least two, all different, and none empty.
///
/// @param names the labels as they would follow the prompt, white space included
public record Labels(List<String> names) implements Serializable {
    /// @throws IllegalArgumentException with a reason for a person, if these are no labels to choose from
    public Labels {
        names = List.copyOf(names);
        if (names.isEmpty()) {
            throw new IllegalArgumentException("there are no labels");
        }
        if (names.contains("")) {
            throw new IllegalArgumentException("label %d is empty".formatted(names.indexOf("") + 1));
        }
        Set<String> different = new HashSet<>();
        for (String name : names) {
            if (!different.add(name)) {
                throw new IllegalArgumentException("the label '%s' is there twice".formatted(Quote.of(name)));
            }
        }
        if (names.size() == 1) {
            throw new IllegalArgumentException(
                    "'%s' is the only label; there must be two to choose from".formatted(Quote.of(names.getFirst())));
        }
    }

    /// The labels as numbers.
    ///
    /// @throws IllegalArgumentException naming the first label that is no finite number
    public double[] numbers() {
        return names.stream()
                .mapToDouble(name -> number(name)
                        .orElseThrow(() ->
                                new IllegalArgumentException("the label '%s' is no number".formatted(Quote.of(name)))))
                .toArray();
    }

    private static OptionalDouble number(String name) {
        try {
            double number = Double.parseDouble(name);
            boolean hasOtherLetters = !name.strip().matches("[-+0-9.eE]+"); // Java also reads 1f and 0x1p3
            return Double.isFinite(number) && !hasOtherLetters ? OptionalDouble.of(number) : OptionalDouble.empty();
        } catch (NumberFormatException _) {
            return OptionalDouble.empty();
        }
    }
}
