package org.sparkqwen.engine.constraint;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.BooleanNode;
import java.math.BigDecimal;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.sparkqwen.engine.message.Quote;

/// A schema, or what a keyword holds, and where it stands in its document. Two are equal if they are the same
/// place.
final class Schema {
    /// The schema that nothing is valid by.
    static final Schema FALSE = new Schema(new SchemaResource("", BooleanNode.FALSE, "#"), BooleanNode.FALSE, "#");

    /// The schema that any value is valid by, and any value within it.
    static final Schema TRUE = new Schema(new SchemaResource("", BooleanNode.TRUE, "#"), BooleanNode.TRUE, "#");

    /// Characters of strings, items of arrays.
    private static final BigDecimal HIGHEST_COUNT = BigDecimal.valueOf(1_000_000_000);

    /// What a `$ref` in this schema is relative to.
    private final SchemaResource resource;

    private final JsonNode node;
    private final String pointer;

    /// @param pointer JSON pointer as a URI fragment: `#/properties/age`
    Schema(SchemaResource resource, JsonNode node, String pointer) {
        this.resource = resource.within(node, pointer);
        this.node = node;
        this.pointer = pointer;
    }

    SchemaResource resource() {
        return resource;
    }

    JsonNode node() {
        return node;
    }

    String pointer() {
        return pointer;
    }

    boolean has(String keyword) {
        return node.has(keyword);
    }

    /// What `keyword` holds; it must be there.
    Schema at(String keyword) {
        String step = keyword.replace("~", "~0").replace("/", "~1");
        return new Schema(resource, node.required(keyword), pointer + "/" + step);
    }

    /// What the element `index` of this list is; it must be there.
    Schema at(int index) {
        return new Schema(resource, node.required(index), pointer + "/" + index);
    }

    /// The text that this is.
    ///
    /// @throws RefusedConstraint if it is none
    String text() {
        if (!node.isTextual()) {
            throw refused("expected a string");
        }
        return node.textValue();
    }

    /// The flag that `keyword` holds; false if there is no such keyword.
    ///
    /// @throws RefusedConstraint if that is neither true nor false
    boolean flag(String keyword) {
        if (!has(keyword)) {
            return false;
        }
        Schema flag = at(keyword);
        if (!flag.node.isBoolean()) {
            throw flag.refused("expected true or false");
        }
        return flag.node.booleanValue();
    }

    /// The elements of the list that `keyword` holds.
    ///
    /// @throws RefusedConstraint if that is no list, or an empty one
    List<Schema> elements(String keyword) {
        Schema list = at(keyword);
        if (!list.node.isArray() || list.node.isEmpty()) {
            throw list.refused("expected a list that is not empty");
        }
        List<Schema> elements = new ArrayList<>();
        for (int i = 0; i < list.node.size(); i++) {
            elements.add(list.at(i));
        }
        return elements;
    }

    /// The texts of the list that `keyword` holds; none if there is no such keyword.
    ///
    /// @throws RefusedConstraint if that is no list of texts
    List<String> texts(String keyword) {
        List<String> texts = new ArrayList<>();
        if (has(keyword)) {
            Schema list = at(keyword);
            if (!list.node.isArray()) {
                throw list.refused("expected a list");
            }
            for (JsonNode each : list.node) {
                if (!each.isTextual()) {
                    throw list.refused("expected a list of strings");
                }
                texts.add(each.textValue());
            }
        }
        return texts;
    }

    /// The names in this object: keywords, or properties.
    ///
    /// @throws RefusedConstraint if it is no object
    List<String> names() {
        if (!node.isObject()) {
            throw refused("expected a JSON object");
        }
        List<String> names = new ArrayList<>();
        node.fieldNames().forEachRemaining(names::add);
        return names;
    }

    /// The number that `keyword` holds; null if there is no such keyword.
    ///
    /// @throws RefusedConstraint if that is no number
    @Nullable
    BigDecimal number(String keyword) {
        if (!has(keyword)) {
            return null;
        }
        Schema number = at(keyword);
        if (!number.node.isNumber()) {
            throw number.refused("expected a number");
        }
        return number.node.decimalValue();
    }

    /// The least count, 0 if there is no such keyword.
    ///
    /// @throws RefusedConstraint if that is no whole number of 0 or more, or too high for any text
    int least(String keyword) {
        BigDecimal count = count(keyword);
        if (count.compareTo(HIGHEST_COUNT) > 0) {
            throw at(keyword).refused("too large: more than %,d".formatted(HIGHEST_COUNT.intValueExact()));
        }
        return count.intValueExact();
    }

    /// The highest count, [Language#UNBOUNDED] if there is no such keyword; one that no text reaches is
    /// lowered.
    ///
    /// @throws RefusedConstraint if that is no whole number of 0 or more
    int most(String keyword) {
        // Compared first: the digits of 1e2147483647 do not fit into memory.
        return has(keyword) ? count(keyword).min(HIGHEST_COUNT).intValueExact() : Language.UNBOUNDED;
    }

    private BigDecimal count(String keyword) {
        BigDecimal number = number(keyword);
        if (number == null) {
            return BigDecimal.ZERO;
        }
        if (number.signum() < 0 || !JsonValues.isWhole(number)) {
            throw at(keyword).refused("expected a whole number, 0 or more");
        }
        return number;
    }

    /// The schema that this one's `$ref` names.
    ///
    /// @throws RefusedConstraint if that is none of this document
    Schema referenced() {
        return resource.referenced(at("$ref"));
    }

    RefusedConstraint refused(String reason) {
        return new RefusedConstraint(reason).at(Quote.line(pointer));
    }

    @Override
    @SuppressWarnings("ReferenceEquality") // the same place of the same document
    public boolean equals(Object other) {
        return other instanceof Schema schema && schema.node == node && schema.resource == resource;
    }

    @Override
    public int hashCode() {
        return System.identityHashCode(node);
    }
}
