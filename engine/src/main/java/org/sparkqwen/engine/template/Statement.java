package org.sparkqwen.engine.template;

import java.util.List;

/// A part of a template that writes text.
@FunctionalInterface
interface Statement {
    Flow run(Scope scope, List<Text> output);

    /// Where it goes on after a statement.
    enum Flow {
        ON,
        /// After the innermost loop.
        BREAK,
        /// With the innermost loop's next item.
        CONTINUE
    }

    /// Runs `statements` up to one that leaves the loop.
    static Flow runAll(List<Statement> statements, Scope scope, List<Text> output) {
        for (Statement statement : statements) {
            Flow flow = statement.run(scope, output);
            if (flow != Flow.ON) {
                return flow;
            }
        }
        return Flow.ON;
    }
}
