/// Whole operations on off-heap float matrices: a readable scalar reference and the vector code that gives the same
/// bits. Depends on the JDK alone.
@NullMarked
package org.sparkqwen.engine.kernels;

import org.jspecify.annotations.NullMarked;
