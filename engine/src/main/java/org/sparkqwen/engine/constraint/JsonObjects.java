package org.sparkqwen.engine.constraint;

import java.util.List;
import org.apache.lucene.util.automaton.Automaton;

/// Objects that have some properties of a list, in the list's order.
///
/// Built from the last property to the first: what may follow a property is there before the property is. Each is there
/// once, whether or not another one comes before it.
final class JsonObjects {
    private final Automaton.Builder text = new Automaton.Builder();
    private final int end;

    /// Where the properties that are there already may begin, in front of a key.
    private int keys;

    /// Where they may begin after a comma.
    private int afterComma;

    /// Whether none of them is required.
    private boolean mayEnd = true;

    private JsonObjects() {
        text.createState(); // the start is the first state
        end = text.createState();
        text.setAccept(end, true);
        keys = text.createState();
        afterComma = text.createState();
    }

    /// @param value the texts of the property's value
    record Property(String name, boolean required, Automaton value) {}

    static Automaton of(List<Property> properties) {
        JsonObjects objects = new JsonObjects();
        properties.reversed().forEach(objects::add);
        return objects.finish();
    }

    private Automaton finish() {
        if (mayEnd) {
            text.addTransition(keys, end, '}');
        }
        text.addTransition(0, keys, '{');
        return text.finish();
    }

    /// Adds a property before all others.
    private void add(Property property) {
        int key = copy(
                Language.concatenate(List.of(JsonText.exactly(property.name()), JsonText.COLON, property.value())));
        int keysFromHere = text.createState();
        text.addEpsilon(keysFromHere, key);
        if (!property.required()) {
            text.addEpsilon(keysFromHere, keys);
        }
        keys = keysFromHere;
        afterComma = text.createState();
        text.addEpsilon(afterComma, keys);
        text.addTransition(afterComma, keys, ' ');
        mayEnd &= !property.required();
    }

    /// Copies a property, and has what may follow it follow.
    ///
    /// @return where it begins
    private int copy(Automaton property) {
        int begin = text.getNumStates();
        Language.requireSmall((long) begin + property.getNumStates());
        text.copy(property);
        for (int state = 0; state < property.getNumStates(); state++) {
            if (property.isAccept(state)) {
                text.setAccept(begin + state, false);
                text.addTransition(begin + state, afterComma, ',');
                if (mayEnd) {
                    text.addTransition(begin + state, end, '}');
                }
            }
        }
        return begin;
    }
}
