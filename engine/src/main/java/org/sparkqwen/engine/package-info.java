/// The engine's facade: requests in, results out.
@NullMarked
package org.sparkqwen.engine;

import org.jspecify.annotations.NullMarked;
