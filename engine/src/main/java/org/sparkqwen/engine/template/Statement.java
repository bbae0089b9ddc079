package org.sparkqwen.engine.template;

import java.util.List;

/// A part of a template that writes text.
@FunctionalInterface
interface Statement {
    Flow run(Scope scope, Text.Builder output);

    /// Where it goes on after a statement.
    enum Flow {
        ON,
        /// After the innermost loop.
        BREAK,
        /// With the innermost loop's next item.
        CONTINUE
    }

    /// Runs `statements` up to one that leaves the loop. Each is a step of the rendering's budget.
    static Flow runAll(List<Statement> statements, Scope scope, Text.Builder output) {
        scope.budget().enter();
        Flow flow = Flow.ON;
        for (int i = 0; i < statements.size() && flow == Flow.ON; i++) {
            scope.budget().step();
            flow = statements.get(i).run(scope, output);
        }
        scope.budget().leave();
        return flow;
    }
}
