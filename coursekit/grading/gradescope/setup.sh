#!/usr/bin/env bash
# Gradescope runs this once, when it builds the container.
set -e
apt-get update
apt-get install -y --no-install-recommends libseccomp2 python3-pip
pip3 install --break-system-packages uv || pip3 install uv
cd "${AUTOGRADER:-/autograder}/source"
export UV_PYTHON_INSTALL_DIR=/opt/python
uv venv --python 3.12 /opt/course
uv pip install --python /opt/course/bin/python --require-hashes -r requirements.txt
