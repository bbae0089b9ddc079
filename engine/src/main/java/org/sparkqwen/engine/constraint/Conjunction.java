package org.sparkqwen.engine.constraint;

import java.util.LinkedHashSet;
import java.util.Set;

/// Schemas that one value is valid by, all of them, and schemas that it is not valid by.
///
/// @param terms none if any value will do
record Conjunction(Set<Term> terms) {
    static final Conjunction ANYTHING = new Conjunction(Set.of());

    /// @param holds whether a value is to be valid by `schema`, or not
    record Term(Schema schema, boolean holds) {
        static final Term NEVER = new Term(Schema.FALSE, true);

        Term negated() {
            return new Term(schema, !holds);
        }
    }

    static Conjunction of(Schema schema) {
        return ANYTHING.and(new Term(schema, true));
    }

    Conjunction and(Term term) {
        boolean anything = SchemaKeywords.saysNothing(term.schema());
        if (anything && term.holds()) {
            return this;
        }
        Set<Term> more = new LinkedHashSet<>(terms);
        more.add(anything ? Term.NEVER : term);
        return new Conjunction(more);
    }

    /// Where a person finds it: the place of the first schema.
    String pointer() {
        return terms.stream().map(each -> each.schema().pointer()).findFirst().orElse("#");
    }
}
