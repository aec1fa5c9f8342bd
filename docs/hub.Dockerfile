# An image for a JupyterHub: the package, and nbgitpuller, whose links bring the notebooks into each student's home.
FROM quay.io/jupyter/minimal-notebook:python-3.12

# What has no wheel for every platform is built with git at hand, which this image has.
RUN pip install --no-cache-dir nbgitpuller "coursekit[cpu,lab] @ git+https://github.com/coursekit-course/neural-networks@main"
